-- Inquiries of new and returning leads: addresses drawn from 100,000.
local thread_seed = 0

function setup(thread)
  thread_seed = thread_seed + 1
  thread:set("seed", thread_seed)
end

function init(args)
  math.randomseed(os.time() * 1000 + seed)
  wrk.method = "POST"
  wrk.headers["Content-Type"] = "application/json"
end

function request()
  local lead = math.random(1, 100000)
  return wrk.format(nil, "/interaction", nil,
    '{"email": "lead' .. lead .. '@example.com", "source_id": 1, ' ..
    '"payload": {"channel": "telegram", "text": "Is the flat still free?"}}')
end
