// Job polling: clients that know no event streams.
import { call, expect } from '../api.js';
import { one } from '../users.js';

export function polling(users) {
  const user = one(users);
  expect(call('GET', `/api/jobs/${user.job}`, { user, name: '/api/jobs/{id}' }), 200);
  expect(call('GET', '/api/jobs?limit=20', { user, name: '/api/jobs' }), 200);
}
