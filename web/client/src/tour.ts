// The tour of the README, in types: `node dist/tour.js URL KEY`.
import { randomUUID } from "node:crypto";
import { Refused, good, stoa } from "./stoa.js";

const [url, key] = process.argv.slice(2);
if (url === undefined || key === undefined) {
  console.error("usage: node dist/tour.js URL KEY");
  process.exit(2);
}
const shop = stoa(url, key);
const header = () => ({ "Idempotency-Key": randomUUID() });

const product = await good(
  shop.POST("/v1/products", {
    body: {
      handle: "mug",
      title: "Mug",
      status: "active",
      variants: [{ sku: "MUG", prices: [{ amount: 900, currency: "GBP" }] }],
    },
  }),
);
console.log(`product ${product.id}`);

const stock = await good(
  shop.POST("/v1/inventory/{sku}/adjustments", {
    params: { path: { sku: "MUG" }, header: header() },
    body: { delta: 100, reason: "received" },
  }),
);
console.log(`${stock.available} available`);

const order = await good(
  shop.POST("/v1/orders", {
    params: { header: header() },
    headers: { Prefer: "wait=10" },
    body: {
      currency: "GBP",
      customer: { email: "a@example.org" },
      lines: [{ sku: "MUG", quantity: 2 }],
      payment: { provider: "simulator", token: "tok_ok" },
    },
  }),
);
console.log(`order ${order.number} ${order.status} ${order.payment_status}`);

const audit = await good(shop.GET("/v1/audit"));
console.log(`clean: ${audit.clean}`);

try {
  await good(shop.GET("/v1/orders/{id}", { params: { path: { id: "ord_none" } } }));
} catch (error) {
  if (!(error instanceof Refused)) throw error;
  console.log(`refused ${error.problem.code}`);
}
