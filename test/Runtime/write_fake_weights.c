/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
 *
 * \file Writes the weights of the fake model to the path that it is given.
 */
#include "FakeModel.h"

int main(int count, char **arguments) {
  return count == 2 ? writeFakeWeights(arguments[1]) : 2;
}
