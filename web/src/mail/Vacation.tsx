// Settings, away: the answer that is sent while a person is away (RFC 8621 §8). Its dates are this browser's days.

import { createResource, createSignal, Show } from 'solid-js'
import type { Jmap } from '../jmap.ts'
import { dayOf, endOfDay, startOfDay } from './days.ts'

interface Vacation {
  readonly isEnabled: boolean
  readonly fromDate: string | null
  readonly toDate: string | null
  readonly subject: string | null
  readonly textBody: string | null
}

export function VacationSettings(props: { jmap: Jmap }) {
  const load = async (): Promise<Vacation> => (await props.jmap.call(['VacationResponse/get', {}]))[0].list[0]
  const [vacation, { refetch }] = createResource(() => load().catch(() => undefined))
  const [isOn, setIsOn] = createSignal<boolean>()
  const [status, setStatus] = createSignal('')
  const [error, setError] = createSignal('')

  async function save(event: SubmitEvent): Promise<void> {
    event.preventDefault()
    const data = new FormData(event.currentTarget as HTMLFormElement)
    const text = (name: string) => String(data.get(name) ?? '').trim() || null
    setStatus('')
    setError('')
    const [from, to] = [text('from'), text('to')]
    if (from !== null && to !== null && to < from) {
      setError('The last day is before the first.')
      return
    }
    const update = {
      isEnabled: data.get('on') !== null,
      fromDate: from && startOfDay(from),
      toDate: to && endOfDay(to),
      subject: text('subject'),
      textBody: text('text'),
      // What another program wrote as HTML would be sent instead of this text.
      htmlBody: null,
    }
    try {
      await props.jmap.set('VacationResponse/set', { update: { singleton: update } })
      await refetch()
      setStatus(update.isEnabled ? 'Saved. It is on.' : 'Saved. It is off.')
    } catch (failure) {
      setError((failure as Error).message)
    }
  }

  return (
    <Show when={vacation()}>
      {(now) => (
        <section class="setting" id="away">
          <h3>While you are away</h3>
          <form class="identity" onSubmit={(event) => void save(event)}>
            <label class="check">
              <input
                type="checkbox"
                name="on"
                checked={isOn() ?? now().isEnabled}
                onChange={(event) => setIsOn(event.currentTarget.checked)}
              />
              Answer whoever writes to me, once in a few days each
            </label>
            <div class="two">
              <label>
                First day
                <input type="date" name="from" value={dayOf(now().fromDate, 0)} />
              </label>
              <label>
                Last day
                <input type="date" name="to" value={dayOf(now().toDate, -1)} />
              </label>
            </div>
            <label>
              Subject
              <input name="subject" maxlength={500} value={now().subject ?? ''} placeholder="Auto: and theirs" />
            </label>
            <label>
              Text
              <textarea
                name="text"
                rows={4}
                maxlength={50_000}
                required={isOn() ?? now().isEnabled}
                value={now().textBody ?? ''}
              />
            </label>
            <button type="submit">Save</button>
          </form>
          <p class="quiet" role="status">
            {status()}
          </p>
          <p class="error" role="alert">
            {error()}
          </p>
        </section>
      )}
    </Show>
  )
}
