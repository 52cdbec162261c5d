// The door through which an administrator reaches a running agent: a socket in its folder, open to the owner of the process
// alone. One line of JSON comes (a wish of roles/administer.ts), one goes back. After the wish to bring mail
// (`{"verb":"bring","address":…}`) the stream is a courier's (src/moving/courier.ts).

import { courier, takeFromCourier } from '../moving/courier.ts'
import { type AdminAnswer, type AdminPlace, administer } from '../roles/administer.ts'
import { outgoingDesk } from '../roles/outgoing/desk.ts'
import { type QueuePlace, queueDesk } from '../roles/transmitter/queue-desk.ts'
import type { Store } from '../store/store.ts'
import { type Listener, NetworkError, type Stream } from '../world/network.ts'
import type { World } from '../world/world.ts'

/** In the folder of the agent. */
export const ADMIN_SOCKET = 'admin.sock'

const BRING = 'bring'
const MAX_WISH = 1024 * 1024
const WAIT_MS = 10_000
const NEWLINE = 0x0a

type DoorPlace = AdminPlace & Pick<QueuePlace, 'forgetPauses' | 'pools'> & { readonly world: World }

export async function openAdminDoor(place: DoorPlace, path: string): Promise<Pick<Listener, 'close'>> {
  const streams = new Set<Stream>()
  const listener = await place.world.network.listenLocal({ path }, (stream) => {
    streams.add(stream)
    answer(place, stream)
      .catch(() => stream.destroy())
      .finally(() => streams.delete(stream))
  })
  return {
    async close() {
      // A listener is closed once its streams are.
      const closed = listener.close()
      for (const stream of streams) stream.destroy()
      await closed
    },
  }
}

/** Asks the agent that runs in the folder of this socket. @throws NetworkError when none does */
export async function askAtDoor(
  world: Pick<World, 'network'>,
  path: string,
  wish: object,
  patienceMs = WAIT_MS,
): Promise<AdminAnswer> {
  const stream = await world.network.connect({ path }, { timeoutMs: WAIT_MS })
  try {
    await stream.write(Buffer.from(`${JSON.stringify(wish)}\n`))
    return JSON.parse(await lineOf(stream, patienceMs)) as AdminAnswer
  } finally {
    stream.destroy()
  }
}

/**
 * Goes to the agent that runs in the folder of this socket with mail for somebody.
 * @throws NetworkError when none runs, or it does not take this
 */
export async function courierAtDoor(
  world: Pick<World, 'network'>,
  path: string,
  address: string,
): Promise<Pick<Store, 'commit' | 'putBlob'> & { close(): void }> {
  const stream = await world.network.connect({ path }, { timeoutMs: WAIT_MS })
  try {
    await stream.write(Buffer.from(`${JSON.stringify({ verb: BRING, address })}\n`))
    const { ok, text } = JSON.parse(await lineOf(stream)) as AdminAnswer
    if (!ok) throw new NetworkError('denied', text)
  } catch (error) {
    stream.destroy()
    throw error
  }
  return { ...courier(stream), close: () => stream.destroy() }
}

/** Who answers which wish; a map, because a wish may name what every object has. */
const DESKS = new Map<unknown, (place: DoorPlace, wish: never) => Promise<AdminAnswer>>([
  ['queue', queueDesk],
  ['outgoing', outgoingDesk],
])

async function answer(place: DoorPlace, stream: Stream): Promise<void> {
  const line = await lineOf(stream)
  let said: AdminAnswer
  try {
    const wish = JSON.parse(line)
    if (wish?.verb === BRING) return await takeMail(place, stream, wish)
    said = await (DESKS.get(wish?.verb) ?? administer)(place, wish as never)
  } catch (error) {
    said = { ok: false, text: `Nothing was changed: ${(error as Error).message}` }
  }
  await stream.write(Buffer.from(`${JSON.stringify(said)}\n`))
  stream.end()
}

async function takeMail({ store }: AdminPlace, stream: Stream, { address }: { address?: unknown }): Promise<void> {
  const account = typeof address === 'string' ? store.accountByAddress(address) : undefined
  const said: AdminAnswer =
    account === undefined
      ? { ok: false, text: `Nobody here has the address ${String(address)}.` }
      : { ok: true, text: 'It may come.' }
  await stream.write(Buffer.from(`${JSON.stringify(said)}\n`))
  if (account !== undefined) await takeFromCourier(stream, store, account.id)
  stream.end()
}

async function lineOf(stream: Stream, waitMs = WAIT_MS): Promise<string> {
  const chunks: Uint8Array[] = []
  let size = 0
  for (;;) {
    const chunk = await stream.read(waitMs)
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
