/**
 * Questions and answers about synthetic faces: instruction data for a FaceShield that learns from scratch. Answers say what
 * the generator drew, in varied words.
 */
package io.aegis.training.synthetic.instruction;
