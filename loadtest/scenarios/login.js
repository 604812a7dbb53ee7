// Logins one after the other: each costs a password hash, which is meant to be slow.
import { call, expect, login } from '../api.js';
import { one } from '../users.js';

export function logins(users) {
  const user = login(one(users));
  if (user) {
    expect(call('GET', '/api/me', { user }), 200);
  }
}
