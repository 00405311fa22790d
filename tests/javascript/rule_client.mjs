// Gives the subscriptions sql, correlation and none of a topic their rules, sends to the topic, and says what each got.
// Arguments: a connection string and the name of the topic.

import { ServiceBusClient } from "@azure/service-bus";

const [connectionString, topic] = process.argv.slice(2);
const client = new ServiceBusClient(connectionString);

async function onlyRule(subscription, name, filter) {
  const manager = client.createRuleManager(topic, subscription);
  await manager.deleteRule("$Default");
  await manager.createRule(name, filter);
  const rules = [];
  for await (const rule of manager.listRules()) {
    rules.push([rule.name, rule.filter]);
  }
  return rules;
}

const seen = { rules: await onlyRule("sql", "big", { sqlExpression: "size > 2" }) };
await onlyRule("correlation", "small", { subject: "s", applicationProperties: { size: 1 } });
await client.createRuleManager(topic, "none").deleteRule("$Default");

const sender = client.createSender(topic);
await sender.sendMessages([
  { body: "small", messageId: "1", subject: "s", applicationProperties: { size: 1 } },
  { body: "large", messageId: "2", subject: "s", applicationProperties: { size: 3 } },
  { body: "other", messageId: "3", subject: "o", applicationProperties: { size: 1 } },
]);

for (const subscription of ["sql", "correlation", "none"]) {
  const messages = await client.createReceiver(topic, subscription).peekMessages(10);
  seen[subscription] = messages.map((message) => message.body);
}

await client.close();
console.log(JSON.stringify(seen));
