-- Inquiries of new and returning leads, from 100,000 addresses.
local threads = 0

function setup(thread)
  threads = threads + 1
  thread:set("number", threads)
end

function init()
  math.randomseed(os.time() * 64 + number)
  wrk.method = "POST"
  wrk.headers["Content-Type"] = "application/json"
end

function request()
  return wrk.format(nil, "/interaction", nil,
    '{"email": "lead' .. math.random(0, 99999) .. '@example.com", "source_id": 1, ' ..
    '"payload": {"channel": "telegram", "text": "Is the flat still free?"}}')
end
