// Which lines are ours, where the trace is asked at an agent: its own, and those of the hosts that hand over to it.

import type { AgentSettings } from '../../roles/agent.ts'
import type { TraceOptions } from './trace.ts'

/** The agent's host, the Receivers before its MDA, and the backup MXs that stand in for it. */
export function homeOf({
  hostName,
  settings,
}: {
  readonly hostName: string
  readonly settings: AgentSettings
}): Required<Pick<TraceOptions, 'trustedBy' | 'trustedIps'>> {
  const partners = [...settings.mda.receivers, ...settings.receiver.backups]
  return { trustedBy: [hostName, ...partners.map((one) => one.hostName)], trustedIps: partners.map(({ ip }) => ip) }
}
