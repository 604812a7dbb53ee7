// The table of a load test, and its figures as JSON for those who keep them.

const columns = ['scenario', 'users', 'requests/s', 'p50 ms', 'p95 ms', 'p99 ms', 'errors', 'budget'];

// report is k6's handleSummary: what goes to the screen and into SUMMARY.
export function report(profile, budgets, data) {
  const lines = Object.entries(budgets.scenarios).map(([name, b]) => line(name, b, data.metrics));
  const text = `\nload test "${profile}", limits in brackets\n\n${table([columns, ...lines.map(cells)])}\n`;
  const summary = {
    profile, scenarios: lines, passed: lines.every((l) => l.misses.length === 0),
    jobs_ms: { upload_scanned: trend(data.metrics.upload_scanned), ai_answered: trend(data.metrics.ai_answered) },
  };
  return { stdout: text, [__ENV.SUMMARY || 'summary.json']: `${JSON.stringify(summary, null, 2)}\n` };
}

function line(name, b, metrics) {
  const took = values(metrics, `http_req_duration{part:${name}}`);
  const got = {
    requests_per_second: (values(metrics, `http_reqs{part:${name}}`).count || 0) / b.seconds,
    p50_ms: took['p(50)'], p95_ms: took['p(95)'], p99_ms: took['p(99)'],
    errors: 1 - values(metrics, `checks{part:${name}}`).rate,
  };
  const misses = ['p50_ms', 'p95_ms', 'p99_ms', 'errors'].filter((key) => !(got[key] <= b[key]));
  if (!(got.requests_per_second >= b.requests_per_second)) {
    misses.push('requests_per_second');
  }
  return { scenario: name, users: b.users, got, budget: b, misses };
}

function cells({ scenario, users, got, budget: b, misses }) {
  return [
    scenario, users, `${got.requests_per_second.toFixed(1)} [${b.requests_per_second}]`,
    ...['p50_ms', 'p95_ms', 'p99_ms'].map((key) => `${number(got[key])} [${b[key]}]`),
    `${(100 * got.errors).toFixed(2)} % [${100 * b.errors} %]`, misses.length ? `MISSED ${misses.join(', ')}` : 'kept',
  ].map(String);
}

function table(rows) {
  const widths = rows[0].map((_, i) => Math.max(...rows.map((row) => row[i].length)));
  return rows.map((row) => row.map((cell, i) => cell.padEnd(widths[i])).join('  ').trimEnd()).join('\n');
}

function values(metrics, name) {
  return metrics[name] ? metrics[name].values : {};
}

function trend(metric) {
  return metric ? { p50: metric.values['p(50)'], p95: metric.values['p(95)'], p99: metric.values['p(99)'] } : null;
}

function number(v) {
  return v === undefined ? '-' : v.toFixed(1);
}
