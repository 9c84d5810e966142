export { tellText, type Told } from './tell-text.ts';
