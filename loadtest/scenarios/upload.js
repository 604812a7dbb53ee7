// A burst of uploads, as when many people come back from a trip. Each file is new to the server.
import exec from 'k6/execution';
import { randomBytes } from 'k6/crypto';
import { Trend } from 'k6/metrics';
import { succeeded, upload } from '../api.js';
import { one } from '../users.js';

const sizes = [16 << 10, 256 << 10, 1 << 20];
const scanned = new Trend('upload_scanned', true);

export function uploads(users) {
  const user = one(users);
  const job = upload(user, randomBytes(sizes[exec.scenario.iterationInTest % sizes.length]));
  if (job) {
    succeeded(user, job, scanned);
  }
}
