export { openRedisStatePlaces } from './redis-state-places.ts';
export { openRedisStateStore, type RedisStateStore } from './redis-state-store.ts';
export { REDIS_STATE_DEFAULTS, type RedisStateSettings } from './redis-settings.ts';
export { redisDefinition, type RedisSection } from './redis-definition.ts';
