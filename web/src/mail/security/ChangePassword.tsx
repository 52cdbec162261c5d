// The password itself.

import { createSignal } from 'solid-js'
import { attempting } from '../../parts/attempt.tsx'
import type { Act } from './parts.tsx'

export function ChangePassword(props: { act: Act }) {
  const [status, setStatus] = createSignal('')
  const { attempt, Failure } = attempting()

  async function change(event: SubmitEvent): Promise<void> {
    event.preventDefault()
    const form = event.currentTarget as HTMLFormElement
    const data = new FormData(form)
    setStatus('')
    const isChanged = await attempt(async () => {
      if (data.get('next') !== data.get('again')) throw new Error('The two new passwords are not the same.')
      await props.act({ action: 'change-password', password: data.get('password'), next: data.get('next') })
    })
    if (!isChanged) return
    form.reset()
    setStatus('Changed. Other browsers must sign in again.')
  }

  return (
    <section class="setting" id="change-password">
      <h3>Password</h3>
      <form class="identity" onSubmit={(event) => void change(event)}>
        <label>
          The password you have
          <input name="password" type="password" required autocomplete="current-password" maxlength={1000} />
        </label>
        <label>
          A new one
          <input name="next" type="password" required minlength={8} autocomplete="new-password" maxlength={1000} />
        </label>
        <label>
          Once more
          <input name="again" type="password" required autocomplete="new-password" maxlength={1000} />
        </label>
        <button type="submit">Change it</button>
      </form>
      <p class="quiet" role="status">
        {status()}
      </p>
      <Failure />
    </section>
  )
}
