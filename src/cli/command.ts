// What the declarations of verbs (commands/) share. Everything that is heavy is loaded by its verb.

import type { WishAboutPeople } from './verbs/account.ts'

/** Sets the exit code that the verb gives. */
export const verb = (run: () => Promise<number> | number) => async () => {
  process.exitCode = await run()
}

export const print = (text: string) => process.stdout.write(text)

export const folderOf = 'folder of an agent'
export const inFolder = ['--folder <dir>', `${folderOf}, or of a system`, './borderpost-demo'] as const
export type InFolder = { folder: string }

/** Asks an agent, running or stopped, for something about its people. */
export const ask = (folder: string, wish: WishAboutPeople) =>
  verb(async () => (await import('./verbs/account.ts')).account(folder, wish, print))()
