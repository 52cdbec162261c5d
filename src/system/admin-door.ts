// The door through which an administrator reaches a running agent: a socket in its folder, open to the owner of the process
// alone. One line of JSON comes (a wish of roles/administer.ts), one goes back.

import { type AdminAnswer, type AdminPlace, administer } from '../roles/administer.ts'
import type { Listener, Stream } from '../world/network.ts'
import type { World } from '../world/world.ts'

/** In the folder of the agent. */
export const ADMIN_SOCKET = 'admin.sock'

const MAX_WISH = 1024 * 1024
const WAIT_MS = 10_000
const NEWLINE = 0x0a

export function openAdminDoor(
  place: AdminPlace & { readonly world: World },
  path: string,
): Promise<Pick<Listener, 'close'>> {
  return place.world.network.listenLocal({ path }, (stream) => {
    answer(place, stream).catch(() => stream.destroy())
  })
}

/** Asks the agent that runs in the folder of this socket. @throws NetworkError when none does */
export async function askAtDoor(world: Pick<World, 'network'>, path: string, wish: object): Promise<AdminAnswer> {
  const stream = await world.network.connect({ path }, { timeoutMs: WAIT_MS })
  try {
    await stream.write(Buffer.from(`${JSON.stringify(wish)}\n`))
    return JSON.parse(await lineOf(stream)) as AdminAnswer
  } finally {
    stream.destroy()
  }
}

async function answer(place: AdminPlace, stream: Stream): Promise<void> {
  const line = await lineOf(stream)
  let said: AdminAnswer
  try {
    said = await administer(place, JSON.parse(line))
  } catch (error) {
    said = { ok: false, text: `Nothing was changed: ${(error as Error).message}` }
  }
  await stream.write(Buffer.from(`${JSON.stringify(said)}\n`))
  stream.end()
}

async function lineOf(stream: Stream): Promise<string> {
  const chunks: Uint8Array[] = []
  let size = 0
  for (;;) {
    const chunk = await stream.read(WAIT_MS)
    if (chunk === null) return Buffer.concat(chunks).toString()
    chunks.push(chunk)
    size += chunk.length
    if (size > MAX_WISH) throw new Error('too long')
    const at = chunk.indexOf(NEWLINE)
    if (at >= 0)
      return Buffer.concat(chunks)
        .subarray(0, size - chunk.length + at)
        .toString()
  }
}
