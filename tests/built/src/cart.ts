import { addPrices, type Price } from "./money";

export interface Article {
  readonly title: string;
  readonly price: Price;
}

export class Cart {
  private readonly articles: Article[] = [];

  add(article: Article): void {
    this.articles.push(article);
  }

  total(): Price {
    return addPrices(this.articles.map((article) => article.price));
  }
}
