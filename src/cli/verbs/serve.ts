// `borderpost serve`: those agents of a description that have an address of this machine, on the open Internet, until they
// are stopped. What happens is told line by line on standard output, as a service manager wants it.

import { networkInterfaces } from 'node:os'
import { resolve } from 'node:path'
import type { Log } from '../../system/agent.ts'
import type { SystemPlan } from '../../system/plan.ts'
import { DiskError } from '../../world/disk.ts'
import { NetworkError } from '../../world/network.ts'
import { systemDns } from '../../world/real/resolv-conf.ts'
import { serverAt } from '../dns-servers.ts'
import { type OnTheInternet, startOnInternet } from '../internet.ts'
import { jsonLine, textLine } from '../log-line.ts'
import { EXIT, planOf } from '../read-description.ts'
import { untilStopped } from '../stopping.ts'

export interface ServeOptions {
  readonly folder: string
  readonly dns?: string
  readonly portOffset: string
  readonly json: boolean
}

/** Runs until it is stopped; the exit code. */
export async function serve(file: string, options: ServeOptions): Promise<number> {
  const whole = planOf(file)
  if (typeof whole === 'number') return whole
  const portOffset = Number(options.portOffset)
  if (!Number.isInteger(portOffset) || portOffset < 0 || portOffset > 50_000)
    return usage(`--port-offset ${options.portOffset} is no number from 0 to 50000.`)
  const dns = options.dns === undefined ? systemDns() : serverAt(options.dns)
  if (dns === undefined) return usage(`--dns ${options.dns} is no address, or address and port.`)
  const plan = ofThisMachine(whole)
  if (plan.agents.length === 0)
    return usage(
      `No agent of ${file} has an address of this machine (${whole.agents.map(({ id, listen }) => `${id}: ${listen}`).join(', ') || 'none is there'}). Behind a translation of addresses, say listen= with the address that the machine itself has.`,
    )
  const log = options.json ? jsonLog : textLog
  let running: OnTheInternet
  try {
    running = await startOnInternet({
      plan,
      folder: resolve(options.folder),
      dns,
      portOffset,
      log,
    })
  } catch (error) {
    if (!(error instanceof NetworkError || error instanceof DiskError)) throw error
    console.error(`It cannot start: ${error.message}${remedyOf(error)}`)
    return EXIT.unreachable
  }
  for (const { plan: agent } of running.system.agents)
    log(agent.id, 'info', `${[...agent.roles].join('/')} for ${agent.domain} is ready as ${agent.hostName}`)
  log('web', 'info', `webmail at ${running.webUrl}/mail`)
  await untilStopped()
  log('web', 'info', 'stopping; what was accepted is kept')
  await running.stop()
  return EXIT.ok
}

/** The agents that listen at an address which this machine has. */
function ofThisMachine(plan: SystemPlan): SystemPlan {
  const own = new Set(Object.values(networkInterfaces()).flatMap((all) => all?.map(({ address }) => address) ?? []))
  const isHere = (address: string) => own.has(address) || address.startsWith('127.')
  return { ...plan, agents: plan.agents.filter(({ listen }) => isHere(listen)) }
}

function remedyOf(error: NetworkError | DiskError): string {
  if (error.code === 'denied')
    return ' Ports below 1024 need the capability CAP_NET_BIND_SERVICE: see docs/running.md for the service file that gives it without root.'
  if (error.code === 'address-in-use') return ' Another mail or web server has this port: stop it first.'
  return ''
}

function usage(message: string): number {
  console.error(message)
  return EXIT.usage
}

const textLog: Log = (...event) => process.stdout.write(textLine(new Date(), event))

const jsonLog: Log = (...event) => process.stdout.write(jsonLine(new Date(), event))
