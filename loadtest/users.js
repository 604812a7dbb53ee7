// Whoever takes part was registered and logged in before the test began.
import exec from 'k6/execution';

// one is the user of this virtual user, the same each time; with more virtual users than users some share one.
export function one(users) {
  return users[exec.vu.idInTest % users.length];
}
