// Sends to sessions of a queue and takes them, and says what it saw as one line of JSON.
// Arguments: a connection string and the name of an empty queue that requires sessions.

import { ServiceBusClient } from "@azure/service-bus";

const [connectionString, queue] = process.argv.slice(2);
const client = new ServiceBusClient(connectionString);
const sender = client.createSender(queue);
await sender.sendMessages([
  { body: "a", sessionId: "one" },
  { body: "b", sessionId: "two" },
  { body: "c", sessionId: "one" },
]);

const first = await client.acceptSession(queue, "one");
const messages = await first.receiveMessages(2, { maxWaitTimeInMs: 10_000 });
await first.setSessionState("half done");
const seen = { bodies: messages.map((message) => message.body), state: await first.getSessionState() };
for (const message of messages) {
  await first.completeMessage(message);
}
const renewed = await first.renewSessionLock();
seen.renewed = renewed > new Date();
const second = await client.acceptNextSession(queue);
seen.next = second.sessionId;

await client.close();
console.log(JSON.stringify(seen));
