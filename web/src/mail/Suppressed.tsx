// Addresses that one's mail did not reach: why, whether mail to them is stopped, and to write there again.

import { createResource, createSignal, For, Show } from 'solid-js'
import type { FailedAddress } from '../../../src/roles/bounces/desk.ts'
import { request } from '../api.ts'

interface View {
  readonly addresses: readonly FailedAddress[]
}

const moment = new Intl.DateTimeFormat(undefined, { dateStyle: 'medium' })

const takeOff = (address: string) => request<View>('POST', '/api/suppressed', { address })

/** Below the story of a message that could not be delivered. */
export function WriteAgain(props: { address: string }) {
  const [said, setSaid] = createSignal('')

  async function act(): Promise<void> {
    try {
      await takeOff(props.address)
      setSaid(`You can write to ${props.address} again.`)
    } catch (error) {
      setSaid((error as Error).message)
    }
  }

  return (
    <p class="asks" role="status">
      <span>{said() || `Mail to ${props.address} is stopped for a while, because it failed.`}</span>
      <Show when={!said()}>
        <button type="button" onClick={() => void act()}>
          Write there again
        </button>
      </Show>
    </p>
  )
}

export function SuppressedSettings() {
  const [status, setStatus] = createSignal('')
  const [view, { mutate }] = createResource(() =>
    request<View>('GET', '/api/suppressed').catch((): View => ({ addresses: [] })),
  )

  async function act(address: string): Promise<void> {
    try {
      mutate(await takeOff(address))
      setStatus(`You can write to ${address} again.`)
    } catch (error) {
      setStatus((error as Error).message)
    }
  }

  const stateOf = ({ stoppedUntilMs }: FailedAddress) =>
    stoppedUntilMs === null
      ? 'your mail is taken'
      : stoppedUntilMs === 'always'
        ? 'your mail is refused'
        : `your mail is refused until ${moment.format(new Date(stoppedUntilMs))}`

  return (
    <Show when={(view()?.addresses.length ?? 0) > 0 || status()}>
      <section class="setting" id="failed-addresses">
        <h3>Addresses that could not be reached</h3>
        <p class="quiet">When mail to an address has failed more than once, it is stopped for a while.</p>
        <ul class="trusted">
          <For each={view()?.addresses ?? []}>
            {(one) => (
              <li>
                <span>
                  <strong>{one.address}</strong>
                  <span class="quiet">
                    <br />
                    {moment.format(new Date(one.atMs))}: {one.why} ({one.said}); {stateOf(one)}
                  </span>
                </span>
                <Show when={one.isRemovable} fallback={<span class="quiet">by your postmaster</span>}>
                  <button type="button" onClick={() => void act(one.address)}>
                    Take off
                  </button>
                </Show>
              </li>
            )}
          </For>
        </ul>
        <p role="status">{status()}</p>
      </section>
    </Show>
  )
}
