export { reportMissing, type MissingService } from './missing-service.ts';
