-- Inquiries of new and returning leads, from 100,000 addresses. With KEYS, each has a key of its own.
local threads = 0
local keys = os.getenv("KEYS") == "yes"
local sent = 0
local run

function setup(thread)
  threads = threads + 1
  thread:set("number", threads)
end

function init()
  math.randomseed(os.time() * 64 + number)
  wrk.method = "POST"
  wrk.headers["Content-Type"] = "application/json"
  run = os.time() .. "-" .. number .. "-" .. math.random(0, 999999999)
end

function request()
  if keys then
    sent = sent + 1
    wrk.headers["Idempotency-Key"] = run .. "-" .. sent
  end
  return wrk.format(nil, "/interaction", nil,
    '{"email": "lead' .. math.random(0, 99999) .. '@example.com", "source_id": 1, ' ..
    '"payload": {"channel": "telegram", "text": "Is the flat still free?"}}')
end
