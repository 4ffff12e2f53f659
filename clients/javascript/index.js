// A client of otp_service for browsers and Node 18 or newer, without dependencies. See README.md.

export { OtpBackend } from "./backend.js";
export { verifyEvent } from "./events.js";
export { OtpError } from "./http.js";
export { OtpClient } from "./people.js";
