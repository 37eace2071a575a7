// The request that all testers of `make bench` make: a body that is generated anew each time.
import http from 'k6/http';

const params = { headers: { 'Content-Type': 'application/json' } };

export default function () {
  const body = JSON.stringify({
    user_email: `testuser_${1 + Math.floor(Math.random() * 10000)}@example.com`,
    quantity: 1 + Math.floor(Math.random() * 5),
  });
  http.post(__ENV.TARGET, body, params);
}
