-- Pages of a lead's interactions; the file that LEADS names has one lead's UUID per line.
local leads = {}

function init()
  math.randomseed(os.time())
  for line in io.lines(os.getenv("LEADS")) do
    leads[#leads + 1] = "/leads/" .. line .. "/interactions"
  end
end

function request()
  return wrk.format("GET", leads[math.random(#leads)])
end
