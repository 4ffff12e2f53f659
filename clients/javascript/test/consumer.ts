// What a project in TypeScript writes; the types must allow it, and reject what is marked.

import { OtpBackend, OtpClient, OtpError, verifyEvent } from "otp-service-client";

const client = new OtpClient({ baseUrl: "https://id.example.com", transport: "cookie", storage: sessionStorage });
const { requiresOtp, challengeToken, methods } = await client.login("ada@example.com", "Correct-Horse-7");
if (requiresOtp && methods?.includes("totp") && challengeToken) {
  await client.secondFactor("totp", { challengeToken, code: "123456" });
}
// @ts-expect-error: no such factor
await client.secondFactor("pigeon", { challengeToken: "", code: "" });
// @ts-expect-error: no such transport
new OtpClient({ baseUrl: "https://id.example.com", transport: "header" });

const backend = new OtpBackend({ baseUrl: "https://id.example.com", key: "otpk_1_2" });
const { id, attemptsLeft } = await backend.createVerification({ phoneNumber: "+14155552671", channel: "sms" });
try {
  const { status }: { status: "approved" } = await backend.checkVerification(id, "4821");
  console.log(status, attemptsLeft + 1);
} catch (error) {
  if (error instanceof OtpError && error.code === "otp_invalid") console.log(error.body.attemptsLeft);
}
// @ts-expect-error: the number is missing
await backend.createVerification({ reference: "order-1042" });

const { type, data } = await verifyEvent("{}", new Headers(), ["whsec_a", "whsec_b"]);
console.log(type.startsWith("user."), data.userId);
