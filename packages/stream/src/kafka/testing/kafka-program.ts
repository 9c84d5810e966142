import { cp, mkdir, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import {
  findOnPath,
  prepareOnce,
  runOrFail,
  type MissingService,
  type ProbedProgram,
} from '@millrace/runtime/testing';
import { describeNode, NODES_MAX } from './node-properties.ts';

/** A Kafka that can be run: its classes, and for each node a data directory to begin with. */
export interface KafkaProgram {
  readonly java: string;
  readonly classPath: string;
  /** Arguments of java that keep the log to warnings. */
  readonly logArgs: readonly string[];
  /** Copies the freshly formatted data directory of a node to `to`. */
  copyFormatted(node: number, to: string): Promise<void>;
}

const KAFKA = '4.1.0';
const LOG4J = '2.25.1';
const DOWNLOAD_MS_MAX = 8 * 60_000;
const CLUSTER_ID = 'bWlsbHJhY2UtdGVzdHMtMQ';

const JAVA: ProbedProgram = {
  program: 'java',
  probe: ['-version'],
  answer: /version "(1[7-9]|[2-9]\d)\b/,
};
const MAVEN: ProbedProgram = { program: 'mvn', probe: ['-version'], answer: /Apache Maven 3/ };

const POM = `<project xmlns="http://maven.apache.org/POM/4.0.0">
  <modelVersion>4.0.0</modelVersion>
  <groupId>millrace.test</groupId>
  <artifactId>kafka</artifactId>
  <version>1</version>
  <dependencies>
    <dependency>
      <groupId>org.apache.kafka</groupId><artifactId>kafka_2.13</artifactId>
      <version>${KAFKA}</version>
    </dependency>
    <dependency>
      <groupId>org.apache.kafka</groupId><artifactId>kafka-tools</artifactId>
      <version>${KAFKA}</version>
    </dependency>
    <dependency>
      <groupId>org.apache.logging.log4j</groupId><artifactId>log4j-slf4j-impl</artifactId>
      <version>${LOG4J}</version>
    </dependency>
  </dependencies>
</project>
`;

const LOG_CONFIG = `<Configuration status="ERROR">
  <Appenders>
    <Console name="out"><PatternLayout pattern="%d %p %c: %m%n"/></Console>
  </Appenders>
  <Loggers><Root level="WARN"><AppenderRef ref="out"/></Root></Loggers>
</Configuration>
`;

/**
 * Kafka's classes by Maven, fetched once and kept outside the repository together with formatted
 * data directories (formatting is a start of Java by itself). Nothing is installed.
 */
export async function findKafka(): Promise<KafkaProgram | MissingService> {
  const java = await findOnPath(JAVA);
  if (java === undefined) return missingKafka('there is no Java 17 or newer on the search path');
  try {
    const directory = await prepareOnce({
      name: `kafka-${KAFKA}-1`,
      make: (work) => prepareKafka(java, work),
    });
    return { ...runnable(java, directory) };
  } catch (error) {
    return missingKafka(error instanceof Error ? error.message : String(error));
  }
}

function missingKafka(why: string): MissingService {
  return {
    what: `Kafka ${KAFKA}`,
    why: `no KAFKA_BROKERS, and not to be had by Maven: ${why}`,
    fix: 'apt-get install --no-install-recommends openjdk-17-jre-headless maven',
  };
}

function runnable(java: string, directory: string): KafkaProgram {
  return {
    java,
    classPath: join(directory, 'libs', '*'),
    logArgs: [`-Dlog4j2.configurationFile=${join(directory, 'log4j2.xml')}`],
    copyFormatted: async (node, to) => {
      await cp(join(directory, 'formatted', `${node}`), to, { recursive: true });
    },
  };
}

async function prepareKafka(java: string, work: string): Promise<void> {
  const maven = await findOnPath(MAVEN);
  if (maven === undefined) throw new Error('there is no mvn on the search path');
  process.stderr.write(`Fetching Kafka ${KAFKA} by Maven, once, into ${work}.\n`);
  await writeFile(join(work, 'pom.xml'), POM);
  await writeFile(join(work, 'log4j2.xml'), LOG_CONFIG);
  const libs = join(work, 'libs');
  await runOrFail({
    file: maven,
    args: ['-q', '-B', 'dependency:copy-dependencies', `-DoutputDirectory=${libs}`],
    cwd: work,
    msMax: DOWNLOAD_MS_MAX,
  });
  await mkdir(join(work, 'formatted'));
  const { classPath, logArgs } = runnable(java, work);
  for (let node = 1; node <= NODES_MAX; node += 1) {
    const data = join(work, 'data');
    const properties = join(work, 'format.properties');
    await writeFile(properties, describeNode({ node, data, ports: formatPorts, settings: {} }));
    const tool = ['kafka.tools.StorageTool', 'format', '-t', CLUSTER_ID, '-c', properties];
    await runOrFail({ file: java, args: [...logArgs, '-cp', classPath, ...tool], cwd: work });
    await rename(data, join(work, 'formatted', `${node}`));
    await rm(properties);
  }
}

/** Formatting wants complete properties; which ports are in them does not matter. */
const formatPorts = Array.from({ length: NODES_MAX }, (_, i) => ({
  broker: 20_001 + i,
  controller: 20_101 + i,
}));
