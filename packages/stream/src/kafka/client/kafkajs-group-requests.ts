import { requests, type KafkajsProtocol } from './kafkajs-internals.ts';

type Encode<Params, Answer> = (params: Readonly<Params>) => KafkajsProtocol<Answer>;

interface GroupMemberId {
  groupId: string;
  memberId: string;
}

/** The requests of a group's members, as kafkajs encodes and decodes them. */
export interface GroupRequests {
  findCoordinator: Encode<
    { groupId: string },
    { coordinator: { nodeId: number; host: string; port: number } }
  >;
  joinGroup: Encode<
    {
      groupId: string;
      sessionTimeout: number;
      rebalanceTimeout: number;
      /** Empty at first: the answer is MEMBER_ID_REQUIRED then, with the id to come back with. */
      memberId: string;
      protocolType: 'consumer';
      groupProtocols: readonly Readonly<{ name: string; metadata: Buffer }>[];
    },
    {
      generationId: number;
      leaderId: string;
      memberId: string;
      members: readonly Readonly<{ memberId: string; memberMetadata: Buffer }>[];
    }
  >;
  syncGroup: Encode<
    GroupMemberId & {
      generationId: number;
      groupAssignment: readonly Readonly<{ memberId: string; memberAssignment: Buffer }>[];
    },
    { memberAssignment: Buffer }
  >;
  heartbeat: Encode<GroupMemberId & { groupGenerationId: number }, unknown>;
  leaveGroup: Encode<GroupMemberId, unknown>;
  offsetCommit: Encode<
    GroupMemberId & {
      groupGenerationId: number;
      topics: readonly Readonly<{
        topic: string;
        partitions: readonly Readonly<{ partition: number; offset: string }>[];
      }>[];
    },
    unknown
  >;
}

const ofVersion = (name: string, version: number): never => {
  type Known = Record<string, { protocol(params: { version: number }): never }>;
  return (requests as unknown as Known)[name]!.protocol({ version });
};

/** Versions that Kafka 2.3 up to 4.x understand; the newest that kafkajs does. */
export const groupRequests: GroupRequests = {
  findCoordinator: ofVersion('GroupCoordinator', 2),
  joinGroup: ofVersion('JoinGroup', 5),
  syncGroup: ofVersion('SyncGroup', 3),
  heartbeat: ofVersion('Heartbeat', 3),
  leaveGroup: ofVersion('LeaveGroup', 3),
  offsetCommit: ofVersion('OffsetCommit', 5),
};
