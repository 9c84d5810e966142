export { startRedisServer, type RedisServer, type SavedData } from './redis-server.ts';
