// The directories of the simulated world: what a server there would say, after a little virtual time.

import { FilterParser } from 'ldapts'
import { type Directory, type DirectoryEntry, DirectoryError, type DirectoryPlace } from '../directory.ts'
import type { Clock } from '../world.ts'

/** One server: entries by name (DN), as whoever runs it has them. */
export interface DirectoryServer {
  /** Nobody answers. */
  isDown: boolean
  /** What was asked of it. */
  asked: number
  readonly entries: Map<
    string,
    { readonly password?: string; readonly attributes: Readonly<Record<string, readonly string[]>> }
  >
}

const answerMs = 2
const silenceMs = 10_000

export function simulatedDirectory(
  place: DirectoryPlace,
  servers: ReadonlyMap<string, DirectoryServer>,
  clock: Clock,
): Directory {
  const answering = async (): Promise<DirectoryServer> => {
    const server = servers.get(`${place.host}:${place.port}`)
    const isThere = server !== undefined && !server.isDown
    await clock.sleep(isThere ? answerMs : silenceMs)
    if (server === undefined || server.isDown) throw new DirectoryError('It did not answer in time.')
    server.asked++
    return server
  }
  const isRight = (server: DirectoryServer, dn: string, password: string) =>
    password !== '' && server.entries.get(dn)?.password === password
  return {
    async isPassword(dn, password) {
      return isRight(await answering(), dn, password)
    },
    async search({ base, filter, attributes, atMost }) {
      const server = await answering()
      const { reader } = place
      if (reader !== undefined && !isRight(server, reader.dn, reader.password))
        throw new DirectoryError('Invalid credentials')
      const wanted = FilterParser.parseString(filter)
      const found: DirectoryEntry[] = []
      for (const [dn, { attributes: all }] of server.entries) {
        if (!dn.endsWith(base) || !casesOf(all).some((one) => wanted.matches(one))) continue
        const shown = Object.entries(all).filter(([name]) => attributes.includes(name))
        found.push({ dn, attributes: new Map(shown.map(([name, values]) => [name.toLowerCase(), values])) })
      }
      return found.slice(0, atMost)
    },
    close() {},
  }
}

/** The library's filters look at one value of each attribute. */
function casesOf(all: Readonly<Record<string, readonly string[]>>): Record<string, string>[] {
  const most = Math.max(1, ...Object.values(all).map(({ length }) => length))
  return Array.from({ length: most }, (_, at) =>
    Object.fromEntries(
      Object.entries(all).flatMap(([name, values]) =>
        values.length === 0 ? [] : [[name, values[Math.min(at, values.length - 1)]!]],
      ),
    ),
  )
}
