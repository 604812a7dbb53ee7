// Load tests of a running Rohrpost: k6 run -e ROHRPOST_URL=http://127.0.0.1:8080 loadtest/main.js
// PROFILE chooses the part of budgets.json, smoke or full. `make load` and `make smoke` start a private stack for it.
import { ask, ended, login, register } from './api.js';
import { report } from './report.js';
import { logins } from './scenarios/login.js';
import { uploads } from './scenarios/upload.js';
import { questions } from './scenarios/ask.js';
import { polling } from './scenarios/poll.js';
import { chats } from './scenarios/mixed.js';

const profile = __ENV.PROFILE || 'smoke';
const budgets = JSON.parse(open('./budgets.json'))[profile];

// The scenarios follow one another, so that each has the machine to itself; the last one mixes.
let start = 0;
const scenarios = {};
const thresholds = {};
for (const [name, b] of Object.entries(budgets.scenarios)) {
  scenarios[name] = {
    exec: name, startTime: `${start}s`, tags: { part: name }, gracefulStop: `${budgets.grace_s}s`,
    ...(b.per_second
      ? { executor: 'constant-arrival-rate', rate: b.per_second, duration: `${b.seconds}s`, preAllocatedVUs: b.users, maxVUs: b.users }
      : { executor: 'constant-vus', vus: b.users, duration: `${b.seconds}s` }),
  };
  thresholds[`http_req_duration{part:${name}}`] = [`p(50)<=${b.p50_ms}`, `p(95)<=${b.p95_ms}`, `p(99)<=${b.p99_ms}`];
  thresholds[`checks{part:${name}}`] = [`rate>=${1 - b.errors}`];
  thresholds[`http_reqs{part:${name}}`] = [`count>=${b.requests_per_second * b.seconds}`];
  start += b.seconds + budgets.pause_s;
}

export const options = {
  scenarios, thresholds, setupTimeout: '120s',
  summaryTrendStats: ['med', 'p(50)', 'p(95)', 'p(99)', 'max'],
};

// setup logs everybody in, and has one job done for each, to be polled.
export function setup() {
  const users = [];
  for (let n = 0; n < budgets.users; n++) {
    const user = login(register(n));
    user.job = ask(user);
    users.push(user);
  }
  for (const user of users) {
    ended(user, user.job);
  }
  return users;
}

export { logins, uploads, questions, polling, chats };

export function handleSummary(data) {
  return report(profile, budgets, data);
}
