/** What an article costs, in cents. */
export interface Price {
  readonly cents: number;
  readonly currency: string;
}

export class CurrencyError extends Error {
  override readonly name = "CurrencyError";
}

/** Adds prices of one currency. */
export function addPrices(prices: readonly Price[]): Price {
  const currency = prices[0].currency;
  let cents = 0;
  for (const price of prices) {
    if (price.currency !== currency) {
      throw new CurrencyError(`${price.currency} cannot be added to ${currency} – Größe des Warenkorbs`);
    }
    cents += price.cents;
  }
  return { cents, currency };
}
