// What the web server of a running system is made of, in a lab as on the Internet.

import { createHmac } from 'node:crypto'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { homeOf } from '../lab/trace/home.ts'
import { tracePicture } from '../lab/trace/notation.ts'
import { renderTrace } from '../lab/trace/render.ts'
import { trace } from '../lab/trace/trace.ts'
import { renderPicture } from '../notation/draw.ts'
import type { Log } from '../system/agent.ts'
import type { RunningSystem } from '../system/start.ts'
import { backendsOf, doorsOf, stsPolicyText } from '../system/web.ts'
import type { WebOptions } from '../web/server.ts'
import type { World } from '../world/world.ts'
import { home } from './home.ts'

/** `webUrl`: where people reach it, once that is known. */
export function webOf(
  system: RunningSystem,
  world: World,
  log: Log,
  webUrl: () => string | undefined,
): Omit<WebOptions, 'serverFactory'> {
  return {
    world,
    backends: backendsOf(system.agents, webUrl),
    pagesFolder: pagesFolder(),
    stsPolicy: (hostName) => stsPolicyText(system.plan, hostName),
    doors: (domain) => doorsOf(system.agents, domain),
    cookieKey: cookieKey(system),
    trace: (message, reader) => {
      const home = system.agents.find(({ agent }) => agent.store === reader?.store)?.agent
      const trustedForwarders =
        reader === undefined ? [] : reader.store.trustedForwarders(reader.account.id).map(({ domain }) => domain)
      const result = trace(message, {
        ...(home === undefined ? {} : homeOf(home)),
        trustedForwarders,
      })
      return { text: renderTrace(result), svg: renderPicture(tracePicture(result)) }
    },
    onError: (error, where) => log('web', 'error', where, { error: String(error) }),
  }
}

/** Derived from what the first agent keeps, so that people stay signed in over a restart. */
function cookieKey({ agents }: RunningSystem): Buffer | undefined {
  const secret = agents[0]?.agent.secrets.server
  return secret === undefined ? undefined : createHmac('sha256', secret).update('cookies').digest()
}

/** The built pages; without them only the interfaces answer. */
function pagesFolder(): string | undefined {
  const folder = join(home, 'web', 'dist')
  return existsSync(join(folder, 'index.html')) ? folder : undefined
}
