// Who a program is, what it may do then, and the person's answer.

import { createSignal, For } from 'solid-js'
import { ApiError, type Me } from '../api.ts'
import { DOOR_NAMES } from '../mail/security/parts.tsx'
import { Logo } from '../parts/icons.tsx'

export interface Asked {
  readonly program: string
  /** It chose its name itself. */
  readonly isRegistered: boolean
  /** The host that hears the answer; null: this computer. */
  readonly goesTo: string | null
  readonly doors: readonly string[]
  readonly tells: readonly string[]
}

const TELLS: Readonly<Record<string, string>> = {
  openid: 'know that it is you',
  email: 'know your address',
  profile: 'know your name',
}

export function Consent(props: {
  asked: Asked
  me: Me
  /** The person's answer; where the browser then goes is not for here. */
  answer: (allow: boolean) => Promise<void>
  onSignInAgain: () => void
}) {
  const [error, setError] = createSignal('')
  const [isBusy, setIsBusy] = createSignal(false)

  async function answer(allow: boolean): Promise<void> {
    setIsBusy(true)
    setError('')
    try {
      await props.answer(allow)
    } catch (failure) {
      if (failure instanceof ApiError && failure.status === 401) props.onSignInAgain()
      else setError((failure as Error).message)
      setIsBusy(false)
    }
  }

  return (
    <main class="sign-in">
      <Brand />
      <form
        class="card"
        onSubmit={(event) => {
          event.preventDefault()
          void answer(true)
        }}
      >
        <h1>{props.asked.program}</h1>
        <p>wants access to the mail of {props.me.address}. It may then</p>
        <ul>
          <For each={props.asked.doors}>{(door) => <li>{DOOR_NAMES[door] ?? door}</li>}</For>
          <For each={props.asked.tells}>{(scope) => <li>{TELLS[scope] ?? scope}</li>}</For>
        </ul>
        <p class="quiet">
          {props.asked.isRegistered ? 'The program chose its name itself. ' : ''}
          {props.asked.goesTo === null
            ? 'It runs on a machine of yours, and keeps access until you revoke it in the settings.'
            : `It runs at ${props.asked.goesTo}, and keeps access until you revoke it in the settings.`}
        </p>
        <p class="error" role="alert">
          {error()}
        </p>
        <button type="submit" class="primary" disabled={isBusy()}>
          Allow
        </button>
        <button type="button" disabled={isBusy()} onClick={() => void answer(false)}>
          Refuse
        </button>
        <button type="button" class="plain" disabled={isBusy()} onClick={() => props.onSignInAgain()}>
          Somebody else
        </button>
      </form>
    </main>
  )
}

export function Brand() {
  return (
    <a class="brand" href="/">
      <Logo /> Borderpost
    </a>
  )
}
