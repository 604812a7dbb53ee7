// Questions to the model, each user waiting for the answer before the next.
import { Trend } from 'k6/metrics';
import { ask, succeeded } from '../api.js';
import { one } from '../users.js';

const answered = new Trend('ai_answered', true);

export function questions(users) {
  const user = one(users);
  const job = ask(user);
  if (job) {
    succeeded(user, job, answered);
  }
}
