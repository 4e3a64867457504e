import { Cart } from "./cart";

function fillCart(): Cart {
  const cart = new Cart();
  cart.add({ title: "a lamp", price: { cents: 4_900, currency: "EUR" } });
  cart.add({ title: "a plug", price: { cents: 900, currency: "GBP" } });
  return cart;
}

function showTotal(where: Element): void {
  const total = fillCart().total();
  where.textContent = `${total.cents / 100} ${total.currency}`;
}

function checkOut(): void {
  const where = document.querySelector("output");
  if (where !== null) {
    showTotal(where);
  }
}

document.querySelector("button")?.addEventListener("click", () => checkOut());
