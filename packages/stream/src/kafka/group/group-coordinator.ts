import { AssignerProtocol } from 'kafkajs';
import type { Assignment, GroupMember } from '../../group/assign-partitions.ts';
import { BrokerLink, type LinkParams } from '../client/broker-link.ts';
import { placeOfBroker, type BrokerPlace } from '../client/kafka-settings.ts';
import type { KafkajsProtocol } from '../client/kafkajs-internals.ts';
import { groupRequests } from '../client/kafkajs-group-requests.ts';

/** What a member says of itself when it joins; the one that leads gives out by it. */
export type GroupClaim = Omit<GroupMember, 'id'>;

/** One round of the group as one member sees it. */
export interface JoinedGroup {
  memberId: string;
  generation: number;
  /** All members, when this one leads and gives out the partitions. */
  members: readonly GroupMember[] | undefined;
}

export interface GroupCoordinatorSettings {
  groupId: string;
  /** With its prefix. */
  topic: string;
  /** A member that says nothing for so long has left. */
  sessionMs: number;
  /** How long a round waits for the members to join it. */
  rebalanceMs: number;
  /** How long any other answer may take. */
  requestMs: number;
}

/** Members with another one do not get into the same group. */
const PROTOCOL = 'millrace-sticky-1';
const METADATA_VERSION = 0;
/** The answer to a join comes with the round, and then over the network. */
const NETWORK_MS = 5000;

/**
 * The requests of a group's membership, to the broker that coordinates it. Not kafkajs's own
 * consumer: that joins and fetches in one loop, and so cannot let go of a partition before another
 * member gets it. Rejects with errors of kafkajs and of the link.
 */
export class GroupCoordinator {
  readonly #link: BrokerLink;
  readonly #settings: GroupCoordinatorSettings;

  private constructor(link: BrokerLink, settings: GroupCoordinatorSettings) {
    this.#link = link;
    this.#settings = settings;
  }

  /**
   * Asks one broker after the other. The connection is the group's own: a join occupies it until
   * the round begins.
   */
  static async find(
    link: Omit<LinkParams, 'host' | 'port'>,
    settings: GroupCoordinatorSettings,
  ): Promise<GroupCoordinator> {
    let failure: unknown;
    for (const broker of link.connection.brokers) {
      try {
        const { host, port } = await askForCoordinator(
          { ...link, ...placeOfBroker(broker) },
          settings,
        );
        return new GroupCoordinator(await BrokerLink.open({ ...link, host, port }), settings);
      } catch (error) {
        failure = error;
      }
    }
    throw failure;
  }

  /** `memberId`: empty at first; `onMemberId` tells the one the group gave, before it is joined. */
  async join(
    memberId: string,
    claim: GroupClaim,
    onMemberId: (memberId: string) => void,
  ): Promise<JoinedGroup> {
    try {
      return await this.#join(memberId, claim);
    } catch (error) {
      const given = (error as { memberId?: string }).memberId;
      if (given === undefined || memberId !== '') throw error;
      onMemberId(given);
      return await this.#join(given, claim);
    }
  }

  async #join(memberId: string, claim: GroupClaim): Promise<JoinedGroup> {
    const { groupId, topic, sessionMs, rebalanceMs } = this.#settings;
    const userData = Buffer.from(JSON.stringify(claim));
    const version = METADATA_VERSION;
    const metadata = AssignerProtocol.MemberMetadata.encode({ version, topics: [topic], userData });
    const request = groupRequests.joinGroup({
      groupId,
      memberId,
      sessionTimeout: sessionMs,
      rebalanceTimeout: rebalanceMs,
      protocolType: 'consumer',
      groupProtocols: [{ name: PROTOCOL, metadata }],
    });
    const joined = await this.#link.ask(request, rebalanceMs + NETWORK_MS);
    const leads = joined.leaderId === joined.memberId;
    return {
      memberId: joined.memberId,
      generation: joined.generationId,
      members: leads ? joined.members.map(memberOf) : undefined,
    };
  }

  /** What this member gets; the one that leads says what everybody gets. */
  async sync(
    { memberId, generation }: JoinedGroup,
    assignment: Assignment,
  ): Promise<readonly number[]> {
    const { groupId, topic, rebalanceMs } = this.#settings;
    const groupAssignment = [...assignment].map(([id, partitions]) => ({
      memberId: id,
      memberAssignment: AssignerProtocol.MemberAssignment.encode({
        version: METADATA_VERSION,
        assignment: { [topic]: [...partitions] },
        userData: Buffer.alloc(0),
      }),
    }));
    const request = groupRequests.syncGroup({
      groupId,
      memberId,
      generationId: generation,
      groupAssignment,
    });
    const { memberAssignment } = await this.#link.ask(request, rebalanceMs + NETWORK_MS);
    return AssignerProtocol.MemberAssignment.decode(memberAssignment)?.assignment[topic] ?? [];
  }

  async heartbeat({ memberId, generation }: JoinedGroup): Promise<void> {
    const { groupId } = this.#settings;
    await this.#ask(groupRequests.heartbeat({ groupId, memberId, groupGenerationId: generation }));
  }

  async leave(memberId: string): Promise<void> {
    await this.#ask(groupRequests.leaveGroup({ groupId: this.#settings.groupId, memberId }));
  }

  /** Positions for people's tools. */
  async commit(
    { memberId, generation }: JoinedGroup,
    positions: ReadonlyMap<number, number>,
  ): Promise<void> {
    const { groupId, topic } = this.#settings;
    const partitions = [...positions].map(([partition, position]) => ({
      partition,
      offset: String(position),
    }));
    const topics = [{ topic, partitions }];
    await this.#ask(
      groupRequests.offsetCommit({ groupId, memberId, groupGenerationId: generation, topics }),
    );
  }

  /** False: find it anew. So also before the broker ends the session of this connection. */
  get isUsable(): boolean {
    return this.#link.isUsable;
  }

  /** At once; what is under way fails. */
  close(): void {
    this.#link.close();
  }

  async #ask(request: KafkajsProtocol<unknown>): Promise<void> {
    await this.#link.ask(request, this.#settings.requestMs);
  }
}

async function askForCoordinator(
  params: LinkParams,
  { groupId, requestMs }: GroupCoordinatorSettings,
): Promise<BrokerPlace> {
  const link = await BrokerLink.open(params);
  try {
    return (await link.ask(groupRequests.findCoordinator({ groupId }), requestMs)).coordinator;
  } finally {
    link.close();
  }
}

function memberOf(member: Readonly<{ memberId: string; memberMetadata: Buffer }>): GroupMember {
  const { memberId: id, memberMetadata } = member;
  const { userData } = AssignerProtocol.MemberMetadata.decode(memberMetadata) ?? {};
  const claim = JSON.parse(userData?.toString() ?? '') as GroupClaim;
  return { ...claim, id };
}
