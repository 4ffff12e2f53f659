export { OtpBackend } from "./backend.js";
export { verifyEvent } from "./events.js";
export { OtpError } from "./http.js";
export { OtpClient } from "./people.js";
