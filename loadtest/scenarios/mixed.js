// What people do who chat with a model: mostly read and think, ask now and then, and sometimes hand in a file.
import { sleep } from 'k6';
import { randomBytes } from 'k6/crypto';
import { ask, call, ended, expect, upload } from '../api.js';
import { one } from '../users.js';

export function chats(users) {
  const user = one(users);
  expect(call('GET', '/api/me', { user }), 200);
  expect(call('GET', '/api/jobs?limit=20', { user, name: '/api/jobs' }), 200);
  expect(call('GET', '/api/files?limit=20', { user, name: '/api/files' }), 200);
  const die = Math.random();
  if (die < 0.3) {
    const job = ask(user);
    if (job) {
      ended(user, job, 0.25);
    }
  } else if (die < 0.4) {
    upload(user, randomBytes(64 << 10));
  }
  sleep(0.2 + Math.random() * 0.6);
}
