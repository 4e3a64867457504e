export { onRequestError } from "levqor-errors/next";
