// Does with a queue what a JavaScript client can do, and says what it saw as one line of JSON.
// Arguments: a connection string and the name of an empty queue.

import { ServiceBusClient } from "@azure/service-bus";

const [connectionString, queue] = process.argv.slice(2);
const client = new ServiceBusClient(connectionString, { retryOptions: { maxRetries: 1, retryDelayInMs: 10 } });
const sender = client.createSender(queue);
const receiver = client.createReceiver(queue);
const deadLetters = client.createReceiver(queue, { subQueueType: "deadLetter" });
const wait = { maxWaitTimeInMs: 10_000 };

async function next(from = receiver) {
  const [message] = await from.receiveMessages(1, wait);
  return message;
}

const seen = {};

await sender.sendMessages({ body: "complete", messageId: "1", applicationProperties: { color: "red" } });
const completed = await next();
seen.received = {
  body: completed.body,
  messageId: completed.messageId,
  color: completed.applicationProperties.color,
  deliveryCount: completed.deliveryCount,
  sequenceNumber: completed.sequenceNumber.toNumber(),
};
const before = completed.lockedUntilUtc;
await new Promise((resolve) => setTimeout(resolve, 20));
seen.renewed = (await receiver.renewMessageLock(completed)) > before;
await receiver.completeMessage(completed);

const batch = await sender.createMessageBatch();
for (const body of ["abandon", "defer", "bury"]) {
  batch.tryAddMessage({ body, messageId: body });
}
await sender.sendMessages(batch);

await receiver.abandonMessage(await next());
const again = await next();
seen.abandoned = { body: again.body, deliveryCount: again.deliveryCount };
await receiver.completeMessage(again);

const set = await next();
await receiver.deferMessage(set);
const [deferred] = await receiver.receiveDeferredMessages(set.sequenceNumber);
seen.deferred = deferred.body;
await receiver.completeMessage(deferred);

await receiver.deadLetterMessage(await next(), { deadLetterReason: "why", deadLetterErrorDescription: "because" });
const buried = await next(deadLetters);
seen.buried = { body: buried.body, reason: buried.deadLetterReason, description: buried.deadLetterErrorDescription };
await deadLetters.completeMessage(buried);

const [number] = await sender.scheduleMessages({ body: "later", messageId: "later" }, new Date(Date.now() + 3_600_000));
seen.peeked = (await receiver.peekMessages(10)).map((message) => [message.body, message.state]);
await sender.cancelScheduledMessages(number);

await client.close();
console.log(JSON.stringify(seen));
