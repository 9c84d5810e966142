export {
  startRedisServer,
  type RedisReplica,
  type RedisServer,
  type SavedData,
} from './redis-server.ts';
