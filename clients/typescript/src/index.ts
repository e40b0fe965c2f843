/**
 * Calls a Fanfare server: https://github.com/fanfare-push/fanfare.
 *
 * A thin layer over the generated clients of the services, which are there as `client.push` and `client.admin`. It adds
 * what every caller needs: a connection with sensible keepalive, deadlines and retries; status streams that go on by
 * themselves after a lost connection, without a gap or a duplicate; and errors whose details can be read.
 */
export { Client, connect, type Options, type TLS } from "./connect.js";
export { Deliveries } from "./deliveries.js";
export { Code, FanfareError, type Resource, type Violation } from "./errors.js";
export { Results } from "./results.js";
