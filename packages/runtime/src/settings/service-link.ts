/** What Kubernetes puts there for every service: `tcp://10.96.0.1:9480`. */
const LINK_VALUE = /^(?:tcp|udp|sctp):\/\/\S+:\d+$/;
const LINK_NAME = /_SERVICE_HOST$|_SERVICE_PORT(?:_\w+)?$|_PORT_\d+_(?:TCP|UDP|SCTP)(?:_\w+)?$/;

/**
 * Whether the variable is one of those that Kubernetes sets in every container, for every service
 * of the namespace: nobody wrote it. Of a service called `millrace` one is `MILLRACE_PORT`, which
 * is what somebody would write who looks for the setting; there the value tells.
 */
export function isServiceLink(name: string, value: string | undefined): boolean {
  if (LINK_NAME.test(name)) return true;
  return name.endsWith('_PORT') && value !== undefined && LINK_VALUE.test(value);
}
