// What the scenarios ask of Rohrpost's API.
import http from 'k6/http';
import { check, fail, sleep } from 'k6';

export const at = __ENV.ROHRPOST_URL;
const password = 'a long one for the load test';
const json = { 'Content-Type': 'application/json' };

// call sends a request as user, who may be nobody. Its path goes without ids into the metrics.
export function call(method, path, { user, body, form, name } = {}) {
  const headers = { ...(form ? {} : json), ...(user ? { Authorization: `Bearer ${user.token}` } : {}) };
  const payload = form || (body ? JSON.stringify(body) : null);
  return http.request(method, at + path, payload, { headers, tags: { name: name || path } });
}

// expect counts an answer with another status as an error of the scenario.
export function expect(res, status) {
  return check(res, { [`answered ${status}`]: (r) => r.status === status });
}

export function register(n) {
  const user = { email: `load${n}@example.invalid`, password };
  const res = call('POST', '/api/auth/register', { body: { ...user, name: `Load ${n}` } });
  if (res.status !== 201 && res.status !== 409) {
    fail(`register: ${res.status} ${res.body}`);
  }
  return user;
}

export function login(user) {
  const res = call('POST', '/api/auth/login', { body: { email: user.email, password: user.password } });
  return expect(res, 200) ? { ...user, token: res.json('access_token') } : null;
}

export function ask(user) {
  const res = call('POST', '/api/ai/query', { user, body: { prompt: 'What becomes of a letter in the tube?' } });
  return expect(res, 202) ? res.json('job_id') : null;
}

export function upload(user, bytes) {
  const form = { file: http.file(bytes, 'load.bin', 'application/octet-stream') };
  const res = call('POST', '/api/files', { user, form });
  return expect(res, 202) ? res.json('job_id') : null;
}

// ended polls a job until it is over, and returns its last state, or null where that takes too long.
export function ended(user, job, every = 0.1, within = 60) {
  for (let waited = 0; waited < within; waited += every) {
    const res = call('GET', `/api/jobs/${job}`, { user, name: '/api/jobs/{id}' });
    if (!expect(res, 200)) {
      return null;
    }
    const state = res.json('state');
    if (['succeeded', 'failed', 'cancelled'].includes(state)) {
      return state;
    }
    sleep(every);
  }
  return null;
}

// succeeded waits for a job, adds the time it took to trend, and counts any other end as an error.
export function succeeded(user, job, trend) {
  const began = Date.now();
  const state = ended(user, job);
  trend.add(Date.now() - began);
  check(state, { 'job succeeded': (s) => s === 'succeeded' });
}
