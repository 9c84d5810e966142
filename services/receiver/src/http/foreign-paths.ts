/** What is wanted of a path that other systems of the field answer, and what to do here. */
interface ForeignPath {
  path: RegExp;
  detail: string;
  remedy: string;
}

const THROUGH_OTHERS =
  'Let one of those that speak it send on, by remote write to POST /api/v1/write: vmagent, ' +
  'Telegraf (outputs.http, data_format "prometheusremotewrite") or the OpenTelemetry Collector ' +
  '(prometheusremotewrite). Or send JSON to POST /v1/events.';
const BY_SCRAPE =
  'Push to a Pushgateway that a Prometheus scrapes, and let that send on by remote write to ' +
  'POST /api/v1/write. Or send JSON to POST /v1/events.';
const IN_SQL =
  'Ask in SQL, with "millrace sql" or any PostgreSQL client: samples_of(selector, from, to) ' +
  'gives samples, the view series_windows windows.';
const BESIDE_IT =
  'GET /readyz, /api/v1/status and /metrics tell how it is, "millrace status" does too. ' +
  'Send data to POST /v1/events, POST /v1/batch or POST /api/v1/write.';

const FOREIGN_PATHS: readonly ForeignPath[] = [
  {
    path: /^\/$/,
    detail: 'there is nothing for programs here; a browser gets a page',
    remedy: BESIDE_IT,
  },
  {
    path: /^\/(write|api\/v2\/write|api\/v3\/write_lp|ping|query|influx\/.*)$/,
    detail: 'the line protocol of InfluxDB is not taken',
    remedy: THROUGH_OTHERS,
  },
  {
    path: /^\/(api\/v1\/otlp\/|opentelemetry\/|otlp\/)?v1\/metrics$|^\/opentelemetry\.proto\./,
    detail: 'OTLP is not taken',
    remedy: THROUGH_OTHERS,
  },
  {
    path: /^\/metrics\/job(@base64)?\//,
    detail: 'what is pushed to a Pushgateway is not taken',
    remedy: BY_SCRAPE,
  },
  {
    path: /^\/api\/v1\/(query|query_range|query_exemplars|series|labels|label\/.*|metadata|read)$/,
    detail: 'queries of Prometheus are not answered',
    remedy: IN_SQL,
  },
];

/** Of a path that somebody expects here who comes from another system; undefined of any other. */
export function foreignPath(path: string): Omit<ForeignPath, 'path'> | undefined {
  return FOREIGN_PATHS.find((foreign) => foreign.path.test(path));
}
