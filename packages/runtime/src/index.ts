export { systemClock, type Clock } from './clock.ts';
export { errorKind, errorText, MillraceError, type ErrorKind } from './errors.ts';
