export { decodeToken, encodeToken, type TokenPosition } from '../token.ts';
