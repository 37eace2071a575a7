-- The request that all testers of `make bench` make: a body that is generated anew each time.
wrk.method = "POST"
wrk.headers["Content-Type"] = "application/json"
wrk.headers["User-Agent"] = "onsale-stress"

request = function()
  local body = string.format('{"user_email":"testuser_%d@example.com","quantity":%d}', math.random(1, 10000), math.random(1, 5))
  return wrk.format(nil, nil, nil, body)
end
